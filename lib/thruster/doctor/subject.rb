# frozen_string_literal: true

require_relative "../command_line"
require_relative "../effective_settings"
require_relative "../rails_facts/disks"
require_relative "puma"
require_relative "told"

module Thruster
  class Doctor
    # The app that is looked at, and what its thrust says of itself.
    class Subject
      attr_reader :app, :root

      # What Rails would tell thrust; see Told.
      attr_reader :told

      def initialize(app, root: app.root, command_line: CommandLine.new(root:), told: Told.new)
        @app = app
        @root = root.to_s
        @command_line = command_line
        @told = told
      end

      # Without a binary: none.
      def settings
        @settings ||= EffectiveSettings.new(having_binary { @command_line.settings } || {}, pushed: @told.settings)
      end

      # How the running thrust of this app is; nil if there is none.
      def status
        return @status if defined?(@status)

        @status = having_binary { @command_line.status }
      end

      # What the binary's own doctor says; nil if it has none.
      def binary_findings
        @command_line.findings
      end

      # Puma's configuration; nil for an app without Puma.
      def puma
        return @puma if defined?(@puma)

        @puma = Puma.read(root)
      end

      def config
        app.config
      end

      def env
        Rails.env.to_s
      end

      # Host and port of the running thrust; nil if there is none, or only on Unix sockets.
      def address
        port = status&.dig("listening")&.filter_map { _1[/\A(.+):(\d+)\z/] && [ $1, $2.to_i ] }&.first or return

        [ port.first == "*" ? "localhost" : port.first.delete("[]"), port.last ]
      end

      # A host that the app answers to.
      def host
        Array(config.hosts).grep(String).map { _1.delete_prefix(".") }.first || "localhost"
      end

      # Active Storage's directories by the names of their services.
      def disks
        @disks ||= RailsFacts::Disks.new(app).to_h
      end

      def path(*parts)
        File.join(root, *parts)
      end

      private
        # That there is no binary is for one check to say.
        def having_binary
          yield
        rescue ExecutableNotFound
          nil
        end
    end
  end
end
