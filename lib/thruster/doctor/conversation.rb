# frozen_string_literal: true

require_relative "check"

module Thruster
  class Doctor
    # Whether Rails can tell thrust all that it knows, and thrust takes it.
    class Conversation < Check
      def self.title
        "rails"
      end

      def findings
        return [ ok("Rails tells thrust nothing: THRUSTER_RAILS_ENABLED is off") ] if told.silent
        return [ ok("what Rails knows can be told to thrust") ] if told.faults.empty? && told.notes.empty?

        told.faults.map { fault(_1) } + told.notes.map { note(_1) }
      end

      private
        def told
          subject.told
        end

        def fault(fault)
          error "config.thruster.#{fault[:message]}", why: "thrust takes none of Rails' settings then, and the app does not boot",
            change: "correct config.thruster.#{fault[:setting]}"
        end

        def note(note)
          warning note, why: "Rails knows it, and thrust is not told",
            change: "see \"What Rails tells\" in docs/rails.md of the gem: config.thruster says it in thrust's words"
        end
    end
  end
end
