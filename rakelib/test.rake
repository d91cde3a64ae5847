# frozen_string_literal: true

require "rake/testtask"

desc "Run the specs of the gem's Ruby, without Rails"
task :spec do
  sh "bundle", "exec", "rspec", "--exclude-pattern", "spec/packaging/**/*_spec.rb"
end

namespace :spec do
  desc "Install each built gem into an empty GEM_HOME and run it"
  task packaging: %w[gem gem:native] do
    # With CARGO_TARGET_DIR the source gem's build takes the dependencies that the release build has compiled.
    sh({ "CARGO_TARGET_DIR" => File.expand_path("target") }, "bundle", "exec", "rspec", "spec/packaging")
  end
end

namespace :test do
  desc "Ask Rails apps what they tell thrust, without a thrust"
  Rake::TestTask.new(:railtie) do |test|
    test.libs = %w[test lib]
    test.pattern = "test/railtie/**/*_test.rb"
    test.warning = false
  end

  desc "Try the generators and tasks on apps that are only files"
  Rake::TestTask.new(:tools) do |test|
    test.libs = %w[test]
    test.pattern = "test/{generators,tasks}/**/*_test.rb"
    test.warning = false
  end

  desc "Use a Rails app behind exe/thrust over real sockets"
  Rake::TestTask.new(:system) do |test|
    test.libs = %w[test]
    test.pattern = "test/system/**/*_test.rb"
    test.warning = false
  end
end
