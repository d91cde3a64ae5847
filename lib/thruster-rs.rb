# frozen_string_literal: true

# What Bundler requires for `gem "thruster-rs"`.
require_relative "thruster"
