# frozen_string_literal: true

module Thruster
  # What every error of this gem is.
  class Error < StandardError; end

  # There is no binary for this machine, or the one that is there cannot run. The message says what to do.
  class ExecutableNotFound < Error; end
end
