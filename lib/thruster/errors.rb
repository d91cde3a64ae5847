# frozen_string_literal: true

module Thruster
  # What every error of this gem is.
  class Error < StandardError; end

  # There is no binary for this machine, or the one that is there cannot run. The message says what to do.
  class ExecutableNotFound < Error; end

  # The extension is not there, or cannot be loaded. The message says what for, why, and what to do.
  class NativeMissing < Error; end

  # No thrust runs above this process, or not any more.
  class NotRunning < Error; end

  # The thrust that was asked did not answer to the end. What it was asked for may be under way.
  class Unavailable < Error; end

  # Nothing was heard of it for as long as it was given.
  class TimedOut < Unavailable; end

  # Its answer is none of the control protocol, or of another version of it.
  class ProtocolError < Error; end

  # It said no; the message is its own.
  class Refused < Error
    # Why, as docs/control-protocol.md lists it, such as +:busy+.
    attr_reader :kind

    def initialize(message, kind:)
      super(message)
      @kind = kind
    end
  end

  # Settings that are not what they should be. Nothing was changed; every fault is told.
  class ConfigurationError < Error
    # One hash for each fault: +:setting+, its name, and +:message+, what is wrong and what is allowed.
    attr_reader :faults

    def initialize(message = nil, faults: [])
      @faults = faults.map { _1.to_h.freeze }.freeze
      super(message || @faults.map { _1[:message] }.join("\n"))
    end
  end
end
