# frozen_string_literal: true

require "json"

module Thruster
  # Every setting there is, from settings.json, which is made from the table of the binary.
  class SettingsTable
    include Enumerable

    # One setting: its +name+ in Ruby, the +variable+ that sets it in the environment, the +kind+ of its value as the
    # documentation names it, its +default+ as text, what it means in one line.
    Row = Struct.new(:name, :variable, :kind, :default, :when, :built, :help, keyword_init: true) do
      # Whether it may be set while thrust runs, and thus by Rails.
      def live?
        self.when == "live"
      end

      def built?
        built
      end

      def switch?
        kind == "on|off"
      end
    end

    FILE = File.join(__dir__, "settings.json")

    # The table of this version, read once.
    def self.current
      @current ||= new(JSON.parse(File.read(FILE), freeze: true))
    end

    def initialize(rows)
      @rows = rows.to_h { |row| [ row["name"], Row.new(**row.slice(*Row.members.map(&:to_s)).transform_keys(&:to_sym)).freeze ] }
      @rows.freeze
    end

    def each(&)
      @rows.each_value(&)
    end

    # Those that Rails may set.
    def live
      select(&:live?)
    end

    # The row of this name, or nil.
    def [](name)
      @rows[name.to_s]
    end

    # The name that looks most like this one, or nil if none does.
    def nearest(name)
      return unless defined?(DidYouMean::SpellChecker)

      DidYouMean::SpellChecker.new(dictionary: @rows.keys).correct(name.to_s.downcase).first
    end
  end
end
