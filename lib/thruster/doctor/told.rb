# frozen_string_literal: true

module Thruster
  class Doctor
    # What Rails would tell thrust: its +settings+ as texts by name, the +faults+ in them, and +notes+ of what it knows and
    # cannot tell. It is +silent+ where THRUSTER_RAILS_ENABLED switches it off.
    Told = Struct.new(:settings, :faults, :notes, :silent, keyword_init: true) do
      def self.by(app)
        return new(silent: true) unless Railtie.enabled?

        settings = Push.new(app).settings
        new(settings:, faults: faults_in(settings), notes: RailsFacts.new(app).notes)
      end

      # Without the extension only thrust itself can tell.
      def self.faults_in(settings)
        Settings.check(settings) if defined?(Native) && Native.available?
        []
      rescue ConfigurationError => error
        error.faults
      end
      private_class_method :faults_in

      def initialize(settings: {}, faults: [], notes: [], silent: false)
        super
      end
    end
  end
end
