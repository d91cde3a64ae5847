# frozen_string_literal: true

require "rack/mock_request"
require_relative "../middleware"
require_relative "../sendfile"

module Thruster
  class Doctor
    # Sends a file through the app's own middleware, in this process, as a controller would.
    class Probe
      # A path that no app has: the answer comes from here.
      PATH = "/thruster-doctor-asks-for-a-file"

      # A Push in whose place thrust has been told about the app.
      Pushed = Struct.new(:sendfile) do
        def deliver_late
        end

        def from_thrust?(_secret)
          true
        end
      end

      # The body of an answer, as send_file makes it.
      Body = Struct.new(:to_path) do
        def each
          yield File.binread(to_path)
        end
      end

      def initialize(subject, roots: [])
        @subject = subject
        @roots = roots
      end

      # :named if the answer names the file to thrust, and leaves the sending to it; :sent if it has the file itself; or the
      # status with which somebody before the app has answered.
      def outcome(file)
        stack = @subject.config.middleware.build(->(_env) { answer(file) })
        status, headers, body = quietly { Middleware.new(stack, Pushed.new(Sendfile.new(@roots))).call(request) }
        return status unless status == 200

        headers[Sendfile::HEADER] == file ? :named : :sent
      ensure
        body.close if body.respond_to?(:close)
      end

      private
        def request
          Rack::MockRequest.env_for("https://#{@subject.host}#{PATH}", "HTTP_HOST" => @subject.host, Middleware::SECRET => "")
        end

        def answer(file)
          headers = { "content-type" => "application/octet-stream", "content-length" => File.size(file).to_s }
          [ 200, headers, Body.new(file) ]
        end

        # The app may log to stdout, where the report goes.
        def quietly
          return yield unless logger = ::Rails.logger

          before = logger.level
          logger.level = Logger::ERROR
          begin
            yield
          ensure
            logger.level = before
          end
        end
    end
  end
end
