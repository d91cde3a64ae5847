# frozen_string_literal: true

require "json"
require_relative "doctor/subject"
require_relative "doctor/bundle"
require_relative "doctor/binary"
require_relative "doctor/conversation"
require_relative "doctor/ports"
require_relative "doctor/timeouts"
require_relative "doctor/proxies"
require_relative "doctor/files"
require_relative "doctor/assets"
require_relative "doctor/storage"

module Thruster
  # Looks at an app and the thrust before it for what will not work, and says what, why, and what to change.
  class Doctor
    CHECKS = [ Bundle, Binary, Conversation, Ports, Timeouts, Proxies, Files, Assets, Storage ].freeze
    MARKS = { ok: "ok", warning: "WARNING", error: "ERROR" }.freeze

    def initialize(subject, checks: CHECKS)
      @subject = subject
      @checks = checks
    end

    # A check that fails by itself is a finding too: the others still have something to say.
    def findings
      @findings ||= @checks.flat_map do |check|
        check.new(@subject).findings
      rescue StandardError => error
        [ Finding.new(check: check.title, level: :warning, what: "this could not be looked at",
          why: "#{error.class}: #{error.message}", change: "see whether the app boots: bin/rails runner 1") ]
      end
    end

    def healthy?
      findings.none?(&:error?)
    end

    def to_json(*)
      JSON.generate(findings: findings.map(&:to_h))
    end

    # For people: what is wrong last, where it is read.
    def to_s
      sorted = findings.sort_by.with_index { |finding, index| [ MARKS.keys.index(finding.level), index ] }
      "#{sorted.map { paragraph(_1) }.join}\n#{summary}\n"
    end

    private
      def paragraph(finding)
        details = [ [ "why", finding.why ], [ "change", finding.change ] ].filter_map do |word, text|
          "#{"#{word}:".rjust(18)} #{text}\n" if text
        end
        "#{MARKS[finding.level].ljust(8)} #{finding.check}: #{finding.what}\n#{details.join}"
      end

      def summary
        counts = findings.map(&:level).tally
        "#{count(counts[:error], "error")}, #{count(counts[:warning], "warning")}, #{counts[:ok].to_i} ok"
      end

      def count(number, word)
        "#{number.to_i} #{word}#{"s" unless number == 1}"
      end
  end
end
