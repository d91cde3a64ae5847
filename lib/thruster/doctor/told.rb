# frozen_string_literal: true

require_relative "../push"
require_relative "../settings"

module Thruster
  class Doctor
    # What Rails would tell thrust: its +settings+ as texts by name, the +faults+ in them, and +notes+ of what it knows and
    # cannot tell. It is +silent+ where THRUSTER_RAILS_ENABLED switches it off.
    Told = Struct.new(:settings, :faults, :notes, :silent, keyword_init: true) do
      def self.by(app)
        return new(silent: true) unless Railtie.enabled?

        push = Push.new(app)
        new(settings: push.settings, faults: faults_in(push.settings), notes: push.notes)
      end

      # Without the extension only thrust itself can tell.
      def self.faults_in(settings)
        Settings.check(settings) if Native.available?
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
