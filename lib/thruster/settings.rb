# frozen_string_literal: true

require "json"
require_relative "native"

module Thruster
  # The settings of the proxy: settings.json has all of them and is made from the table that the proxy itself is made of.
  # Whether a setting may have a value is for the proxy's own code to say, in the binary or in the extension.
  module Settings
    FILE = File.join(__dir__, "settings.json")

    # A row of the table: +name+ in lower case, the +variable+ and the +option+ that set it, the +kind+ of its value as
    # docs/configuration.md has it (<tt>"SIZE"</tt>), its +default+ as it would be written, +when+ it may change (+:start+
    # or +:live+), +help+ in one line, whether it is +built+ and +secret+.
    Setting = Struct.new(:name, :variable, :option, :kind, :default, :when, :help, :built, :secret, keyword_init: true) do
      # Whether it may change while the proxy runs, so that the app can set it.
      def live?
        self.when == :live
      end

      def built?
        built
      end

      def secret?
        secret
      end

      def switch?
        kind == "on|off"
      end
    end

    class << self
      # Every row.
      def table
        @table ||= JSON.parse(File.read(FILE), symbolize_names: true, freeze: true)
          .map { |row| Setting.new(**row, when: row[:when].to_sym).freeze }.freeze
      end

      # The rows that the app can set.
      def live
        table.select(&:live?)
      end

      # The row of this name; nil if there is none.
      def find(name)
        table.find { _1.name == name.to_s }
      end

      # The name that looks most like this one; nil if none does.
      def nearest(name)
        return unless defined?(DidYouMean::SpellChecker)

        DidYouMean::SpellChecker.new(dictionary: table.map(&:name)).correct(name.to_s.downcase).first
      end

      # What texts mean: takes names and texts as the app would push them, and answers the same names with bytes and
      # seconds as numbers, switches as true and false, lists as arrays. Raises ConfigurationError with every fault,
      # in the words of the proxy. Needs the extension.
      def check(texts)
        Native.needed_for("The check of settings").check(texts.transform_keys(&:to_s))
      end
    end
  end
end
