# frozen_string_literal: true

require "rails"
require "rails/generators/test_case"
require "tmpdir"

# A generator of ours in a directory that holds what the test puts there.
class GeneratorTest < Rails::Generators::TestCase
  # As Rails generates it for thruster.
  OLD_BINSTUB = <<~RUBY
    #!/usr/bin/env ruby
    require "rubygems"
    require "bundler/setup"

    load Gem.bin_path("thruster", "thrust")
  RUBY

  # As Rails 7.2 generates them, in short.
  RAILS_DOCKERFILE = <<~DOCKERFILE
    FROM docker.io/library/ruby:3.3-slim AS base
    WORKDIR /rails
    FROM base
    ENTRYPOINT ["/rails/bin/docker-entrypoint"]
    EXPOSE 3000
    CMD ["./bin/rails", "server"]
  DOCKERFILE
  RAILS_ENTRYPOINT = <<~BASH
    #!/bin/bash -e
    if [ "${1}" == "./bin/rails" ] && [ "${2}" == "server" ]; then
      ./bin/rails db:prepare
    fi
    exec "${@}"
  BASH

  setup do
    self.destination_root = Dir.mktmpdir
    FileUtils.mkdir_p File.join(destination_root, "config/initializers")
  end
  teardown { FileUtils.rm_rf destination_root }

  private
    def write(path, text, mode: 0o644)
      file = File.join(destination_root, path)
      FileUtils.mkdir_p File.dirname(file)
      File.write file, text
      File.chmod mode, file
    end

    def read(path)
      File.read(File.join(destination_root, path))
    end

    def executable?(path)
      File.executable?(File.join(destination_root, path))
    end

    # What is in each file, and its mode.
    def files
      Dir.glob("**/*", File::FNM_DOTMATCH, base: destination_root).filter_map do |path|
        file = File.join(destination_root, path)
        [ path, [ File.read(file), File.stat(file).mode ] ] if File.file?(file)
      end.to_h
    end
end
