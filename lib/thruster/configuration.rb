# frozen_string_literal: true

require_relative "errors"
require_relative "setting_text"
require_relative "settings"

module Thruster
  # What an app wants of thrust: +config.thruster+. Every setting that may change while thrust runs is an attribute; one
  # that nobody sets, or that is nil, is left to Rails and thrust.
  #
  #   config.thruster.max_request_body = 64.megabytes
  #   config.thruster.log_skip_paths = %w[/up /assets/*]
  class Configuration
    # Whether `assets:precompile` also writes compressed files. No setting of thrust's: only Ruby acts on it.
    attr_accessor :compress_assets

    def initialize
      @values = {}
      @compress_assets = true
    end

    # The value as it was set.
    def [](name)
      @values[row(name).name]
    end

    # Raises ConfigurationError if there is no such setting, if it is needed before Rails runs, or if no setting can have
    # such a value. Whether this one can is thrust's to say, once it is told.
    def []=(name, value)
      row = row(name)
      @values.delete(row.name)
      return if value.nil?

      SettingText.new(row).of(value)
      @values[row.name] = value
    end

    # Each setting that was set, with its value as text.
    def to_h
      @values.to_h { |name, value| [ name, SettingText.new(Settings.find(name)).of(value) ] }
    end

    private
      def row(name)
        row = Settings.find(name)
        return row if row&.live?

        fault name, row ? "is needed before Rails runs; set #{row.variable} in the environment instead" : unknown(name)
      end

      def unknown(name)
        nearest = Settings.nearest(name)
        "is not a setting; #{nearest ? "did you mean #{nearest}?" : "`thrust config` lists those there are"}"
      end

      def fault(name, what)
        raise ConfigurationError.new("config.thruster.#{name} #{what}", faults: [ { setting: name.to_s, message: "#{name} #{what}" } ])
      end

      # Of a name that begins as attributes do, so that what Ruby looks for by itself, such as to_ary, stays missing.
      def method_missing(name, *arguments)
        case name
        when /\A[a-z0-9_]+=\z/ then self[name.to_s.chomp("=")] = arguments.first
        when /\A[a-z0-9_]+\z/ then arguments.empty? && attribute?(name) ? self[name] : super
        else super
        end
      end

      def respond_to_missing?(name, include_private = false)
        attribute?(name.to_s.chomp("=")) || super
      end

      def attribute?(name)
        Settings.find(name)&.live? || false
      end
  end
end
