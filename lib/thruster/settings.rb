# frozen_string_literal: true

require_relative "native"

module Thruster
  # The settings of the proxy, from the table that the proxy itself is made of. Needs the extension.
  module Settings
    # A row of the table: +name+ in lower case, the +variable+ and the +option+ that set it, the +kind+ of its value as
    # usage texts have it (<tt>"SIZE"</tt>), its +default+ as it would be written, +when+ it may change (+:start+ or
    # +:live+), +help+ in one line, whether it is +built+ and +secret+.
    Setting = Struct.new(:name, :variable, :option, :kind, :default, :when, :help, :built, :secret, keyword_init: true) do
      # Whether the app may push it while the proxy runs.
      def live?
        self.when == :live
      end
    end

    class << self
      def table
        @table ||= native("The table of settings").settings.map { Setting.new(**_1).freeze }.freeze
      end

      # The row of this name; nil if there is none.
      def find(name)
        table.find { _1.name == name.to_s }
      end

      # What texts mean: takes names and texts as the app would push them, and answers the same names with bytes and
      # seconds as numbers, switches as true and false, lists as arrays. Raises ConfigurationError with every fault,
      # in the words of the proxy.
      def check(texts)
        native("The check of settings").check(texts.transform_keys(&:to_s))
      end

      private
        def native(purpose)
          Native.needed_for(purpose)
        end
    end
  end
end
