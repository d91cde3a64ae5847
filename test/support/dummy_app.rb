# frozen_string_literal: true

# The example app, and what has to be there before it serves.
module DummyApp
  PROJECT = File.expand_path("../..", __dir__)
  ROOT = File.join(PROJECT, "test/dummy")
  ENVIRONMENT = { "RAILS_ENV" => "production", "SECRET_KEY_BASE_DUMMY" => "1", "FORCE_SSL" => "false" }.freeze

  # Compiles the assets, anew in every run: they may have been edited. Makes the database if there is none.
  def self.prepare
    @prepared ||= system(ENVIRONMENT, "bin/rails", "assets:precompile", "db:prepare",
      chdir: ROOT, out: File::NULL, err: File::NULL, exception: true)
  end
end
