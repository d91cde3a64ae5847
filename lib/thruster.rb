# frozen_string_literal: true

# The Ruby side of thrust: which version this is, where its binary lies, and what its extension can do.
module Thruster
end

require_relative "thruster/version"
require_relative "thruster/errors"
require_relative "thruster/executable"
require_relative "thruster/native"
require_relative "thruster/settings"
require_relative "thruster/metrics"
require_relative "thruster/assets"
