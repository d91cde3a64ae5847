# frozen_string_literal: true

# The Ruby side of thrust: which version this is, and where its binary lies.
module Thruster
end

require_relative "thruster/version"
require_relative "thruster/errors"
require_relative "thruster/executable"
