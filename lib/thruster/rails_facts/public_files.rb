# frozen_string_literal: true

require "rack"

module Thruster
  class RailsFacts
    # Whether thrust may send what is in public/ without asking Rails, and how.
    #
    # It may where Rails does so itself and nothing stands before ActionDispatch::Static that clients would get past: a
    # password for the whole site, or fields that are added to every answer.
    class PublicFiles
      STATIC = "ActionDispatch::Static"
      # Rails' own and ours, and those that only watch.
      HARMLESS = %w[
        Thruster::Middleware ActionDispatch::HostAuthorization ActionDispatch::AssumeSSL ActionDispatch::SSL Rack::Sendfile
        Rack::Runtime ActionDispatch::Executor ActionDispatch::RequestId Rails::Rack::Logger
      ].freeze
      # What config.ru puts before it: `use Rack::Auth::Basic`, `use(::Gate, …)`.
      USED = /^\s*use[\s(]+(?:::)?([A-Z][\w:]*)/n
      WATCHERS = /\A(?:AppSignal|Appsignal|Datadog|ElasticAPM|Honeybadger|NewRelic|OpenTelemetry|Prometheus|Rack::MiniProfiler|ScoutApm|Sentry|Skylight|Yabeda)\b/

      def initialize(app)
        @app = app
      end

      # Settings and their values.
      def values
        return {} unless serves? && strangers.empty?

        files = @app.config.public_file_server
        {
          "public_path" => @app.paths["public"].first, "public_index" => files.index_name,
          "public_headers" => (files.headers || {}).merge(of_https).presence,
          "public_https_only" => @app.config.force_ssl && !assumes_https? || nil
        }
      end

      # Why they stay with Rails although it sends them.
      def note
        return unless serves? && strangers.any?

        "public/ stays with Rails, because #{strangers.join(", ")} stands before #{STATIC}; if that need not see requests for " \
          "files, set config.thruster.public_path = Rails.public_path"
      end

      private
        def serves?
          @app.config.public_file_server.enabled && stack.include?(STATIC)
        end

        # What ActionDispatch::SSL adds to every answer, for a browser that asks by HTTPS.
        def of_https
          return {} unless @app.config.force_ssl

          plain = ->(_env) { [ 200, {}, [] ] }
          ActionDispatch::SSL.new(plain, **@app.config.ssl_options).call(Rack::MockRequest.env_for("https://localhost/"))[1]
        end

        # For Rails every request has come by HTTPS then, whatever its fields say.
        def assumes_https?
          @app.config.respond_to?(:assume_ssl) && @app.config.assume_ssl
        end

        def strangers
          (used_by_rackup + stack.take_while { _1 != STATIC }).reject { HARMLESS.include?(_1) || WATCHERS.match?(_1) }
        end

        # What stands before the whole app. It is read only once Rails has booted, and runs nothing here.
        def used_by_rackup
          File.binread(@app.root.join("config.ru")).scan(USED).flatten
        rescue SystemCallError
          []
        end

        def stack
          @stack ||= @app.config.middleware.map(&:name)
        end
    end
  end
end
