# frozen_string_literal: true

module Thruster
  class Doctor
    # What a check has found: ok, or what is wrong, why that matters, and what to change.
    Finding = Struct.new(:check, :level, :what, :why, :change, keyword_init: true) do
      def error?
        level == :error
      end

      def to_h
        super.compact
      end
    end

    # Looks at one thing; its name in the report is that of its class.
    class Check
      def self.title
        name[/\w+\z/].downcase
      end

      def initialize(subject)
        @subject = subject
      end

      private
        attr_reader :subject

        def ok(what)
          Finding.new(check: self.class.title, level: :ok, what:)
        end

        # It may go wrong.
        def warning(what, why:, change:)
          Finding.new(check: self.class.title, level: :warning, what:, why:, change:)
        end

        # It does go wrong.
        def error(what, why:, change:)
          Finding.new(check: self.class.title, level: :error, what:, why:, change:)
        end
    end
  end
end
