# frozen_string_literal: true

require_relative "check"

module Thruster
  class Doctor
    # Whether Rails can tell thrust all that it knows.
    class Told < Check
      def self.title
        "rails"
      end

      def findings
        return [ ok("what Rails knows can be told to thrust") ] if subject.notes.empty?

        subject.notes.map do |note|
          warning note, why: "Rails knows it, and thrust is not told",
            change: "see \"What Rails tells\" in docs/rails.md of the gem: config.thruster says it in thrust's words"
        end
      end
    end
  end
end
