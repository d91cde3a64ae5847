# frozen_string_literal: true

require "bundler/setup"
require "tmpdir"
require "fileutils"
require "thruster"

PROJECT = File.expand_path("..", __dir__)

Dir[File.join(__dir__, "support/*.rb")].sort.each { require _1 }

RSpec::Matchers.define_negated_matcher :not_include, :include

RSpec.configure do |config|
  config.disable_monkey_patching!
  config.order = :random
  config.expect_with(:rspec) { _1.max_formatted_output_length = 2000 }
  config.include Commands
  config.include Stubs
end
