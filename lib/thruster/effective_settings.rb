# frozen_string_literal: true

module Thruster
  # Every setting with the value that holds and where it comes from: as the running thrust has them, else as this
  # environment and Rails would give them.
  class EffectiveSettings
    include Enumerable

    # The +value+ as data where thrust told it, else as it is written; +text+ as it is written.
    Row = Struct.new(:name, :variable, :value, :text, :source, :built, keyword_init: true)

    # +answer+ is what `thrust config --json` said; +pushed+ what Rails would push, by names in lower case.
    def initialize(answer, pushed: {})
      @running = answer["running"] ? true : false
      @rows = answer.fetch("settings", []).to_h { |setting| row(setting, pushed) }
    end

    def running?
      @running
    end

    def each(&)
      @rows.each_value(&)
    end

    # The value of the setting with this name in lower case; nil if this thrust does not know it.
    def [](name)
      @rows[name.to_s]&.value
    end

    # Whether somebody chose it.
    def given?(name)
      @rows.key?(name.to_s) && @rows[name.to_s].source != "default"
    end

    private
      def row(setting, pushed)
        name = setting["name"].downcase
        row = Row.new(name:, variable: setting["variable"], value: setting["value"],
          text: setting["text"] || setting["value"].to_s, source: source(setting), built: setting["built"])
        row.value, row.text, row.source = pushed[name], pushed[name], "rails" if !running? && row.source == "default" && pushed.key?(name)
        [ name, row ]
      end

      def source(setting)
        given = setting["given_by"]
        given.nil? || given == setting["source"] ? setting["source"] : "#{setting["source"]} #{given}"
      end
  end
end
