# frozen_string_literal: true

require_relative "queue_time"
require_relative "sendfile"

module Thruster
  # Stands at the top of an app's stack: knows the requests that come from the thrust above, and lets it send files for them.
  class Middleware
    # Proves that a request comes from thrust. It never reaches the app.
    SECRET = "HTTP_X_THRUSTER_SECRET"

    def initialize(app, push, server_timing: false)
      @app = app
      @push = push
      @server_timing = server_timing
    end

    def call(env)
      secret = env.delete(SECRET)
      # A request that came through thrust says so, and that this process serves.
      @push.deliver_late if env[QueueTime::START]
      QueueTime.note(env)

      sending_files(env, secret) { timed(env, @app.call(env)) }
    end

    private
      def sending_files(env, secret)
        sendfile = @push.sendfile or return yield

        env.delete(Sendfile::TYPE)
        return yield unless @push.from_thrust?(secret)

        sendfile.prepare(env)
        sendfile.apply(yield)
      end

      # Rails adds to the same field.
      def timed(env, response)
        waited = env[QueueTime::KEY]
        return response unless @server_timing && waited

        status, headers, body = response
        name = headers.keys.find { _1.casecmp?("server-timing") } || "server-timing"
        timing = [ *headers[name], format("queue;dur=%.2f", waited) ].join(", ")
        [ status, headers.merge(name => timing), body ]
      end
  end
end
