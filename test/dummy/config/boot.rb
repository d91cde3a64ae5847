# The project's own Gemfile brings thruster-rs from this checkout, and Rails.
ENV["BUNDLE_GEMFILE"] ||= File.expand_path("../../../Gemfile", __dir__)

require "bundler/setup"
