# frozen_string_literal: true

require "set"
require_relative "errors"

module Thruster
  # Writes a Ruby value as one would write it in the environment: what Rails has as 64.megabytes or 30.seconds.
  class SettingText
    # Settings whose items stand one on each line, as fields do: their values may have commas.
    LINES = "FIELDS"

    def initialize(row)
      @row = row
    end

    # Raises ConfigurationError for a value that no setting can be, such as a Proc, or true for a number of bytes.
    def of(value)
      case value
      when true, false then switch(value)
      when Hash then join(value.map { |key, item| pair(key, item) })
      when Array, Set then join(value.map { |item| item(item) })
      else plain(value)
      end
    end

    private
      def switch(value)
        wrong(value, "that setting is not switched on or off") unless @row.switch?
        value ? "on" : "off"
      end

      # A Duration says of itself that it is a number, but is none to `case`.
      def plain(value)
        case value
        when String, Symbol, Integer then value.to_s
        when Float, Rational then fraction(value)
        else other(value)
        end
      end

      def other(value)
        return fraction(value.to_f) if value.respond_to?(:in_seconds)
        return network(value) if defined?(IPAddr) && value.is_a?(IPAddr)
        return value.to_path if value.respond_to?(:to_path)

        wrong(value, "a setting is a text, a number, true or false, a duration, a path, or a list of these")
      end

      def fraction(value)
        return value.to_i.to_s if value == value.to_i
        return "#{(value * 1000).round}ms" if @row.kind == "TIME"

        value.to_f.to_s
      rescue FloatDomainError
        wrong(value, "that is no number")
      end

      def network(value)
        value.prefix == (value.ipv4? ? 32 : 128) ? value.to_s : "#{value}/#{value.prefix}"
      end

      def pair(key, item)
        @row.kind == LINES ? "#{plain(key)}: #{plain(item)}" : "#{plain(key)}=#{plain(item)}"
      end

      def item(value)
        text = plain(value)
        wrong(value, "an item of a list has no comma in it") if @row.kind != LINES && text.include?(",")
        text
      end

      def join(items)
        items.join(@row.kind == LINES ? "\n" : ",")
      end

      def wrong(value, why)
        message = "#{@row.name} is #{value.inspect}; #{why}"
        raise ConfigurationError.new(faults: [ { setting: @row.name, message: } ])
      end
  end
end
