# frozen_string_literal: true

require_relative "settings"

module Thruster
  # Every setting with the value that holds and where it comes from: as the running thrust has them, else as this
  # environment and Rails would give them.
  class EffectiveSettings
    include Enumerable

    # The +value+ as data, with seconds as numbers and nil for no limit; +text+ as it is written.
    Row = Struct.new(:name, :variable, :value, :text, :source, :built, keyword_init: true)

    # +answer+ is what `thrust config --json` said; +pushed+ the texts that Rails would push, by names in lower case.
    def initialize(answer, pushed: {})
      @running = answer["running"] ? true : false
      @rows = answer.fetch("settings", []).to_h { |setting| [ setting["name"].downcase, row(setting, pushed) ] }
    end

    def running?
      @running
    end

    def each(&)
      @rows.each_value(&)
    end

    # The value of the setting with this name in lower case; nil if this thrust does not know it.
    def [](name)
      @rows[name]&.value
    end

    # The same, with another value if this thrust does not know it.
    def fetch(name, default)
      @rows.key?(name) ? @rows[name].value : default
    end

    # Where it comes from; nil if this thrust does not know it.
    def source(name)
      @rows[name]&.source
    end

    # Whether somebody chose it.
    def given?(name)
      ![ nil, "default" ].include?(source(name))
    end

    private
      def row(setting, pushed)
        name = setting["name"].downcase
        row = Row.new(name:, variable: setting["variable"], value: setting["value"],
          text: setting["text"] || setting["value"].to_s, source: told_source(setting), built: setting["built"])
        return row if running? || row.source != "default" || !pushed.key?(name)

        row.tap { _1.value, _1.text, _1.source = PushedValue.of(name, pushed[name]), pushed[name], "rails" }
      end

      def told_source(setting)
        [ setting["source"], setting["given_by"] ].compact.join(" ")
      end

      # Data for a text that Rails would push, in the form in which thrust tells it. Whether it may be is not asked here.
      module PushedValue
        ON = %w[1 t true on].freeze
        LISTS = %w[LIST NETWORKS PATHS STATUSES MAPPINGS].freeze
        SECONDS = { "" => 1, "ms" => 0.001, "s" => 1, "m" => 60, "h" => 3600, "d" => 86_400 }.freeze

        def self.of(name, text)
          case Settings.find(name).kind
          when "on|off" then ON.include?(text.downcase)
          when "TIME" then seconds(text)
          when *LISTS then text.split(",").map(&:strip) - [ "", "none" ]
          else text
          end
        end

        def self.seconds(text)
          total = text.delete_prefix("-").scan(/([\d.]+)\s*(ms|[smhd]|)/).sum { |number, unit| number.to_f * SECONDS[unit] }
          total if total.positive? && !text.start_with?("-")
        end
      end
      private_constant :PushedValue
  end
end
