# frozen_string_literal: true

require_relative "check"

module Thruster
  class Doctor
    # What the binary finds by itself: settings, ports, target, descriptors, storage.
    class Binary < Check
      def findings
        reported = subject.binary_findings
        return [ ok("the binary is there; this version of it looks at nothing by itself") ] if reported.nil?

        reported.map do |finding|
          Finding.new(check: finding["check"], level: level(finding), what: finding["what"], why: finding["why"],
            change: finding["change"])
        end
      rescue ExecutableNotFound => failure
        [ error("there is no thrust binary", why: failure.message.lines.first.strip,
          change: failure.message.lines.drop(1).join(" ").strip) ]
      end

      private
        # A word that we do not know is worth a look.
        def level(finding)
          level = finding["level"].to_s.to_sym
          Doctor::MARKS.key?(level) ? level : :warning
        end
    end
  end
end
