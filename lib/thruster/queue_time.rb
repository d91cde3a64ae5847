# frozen_string_literal: true

module Thruster
  # How long a request waited between its arrival at the outermost proxy and Rails.
  module QueueTime
    START = "HTTP_X_REQUEST_START"
    # Milliseconds that Puma spent reading the request's body: the client's time, not the queue's.
    BODY_WAIT = "puma.request_body_wait"
    KEY = "thruster.queue_time"
    # Seconds since 1970 that are far enough ahead to tell seconds from fractions of them.
    LARGEST = 100_000_000_000

    class << self
      # Notes the milliseconds for a request that says when it started.
      def note(env, now: Process.clock_gettime(Process::CLOCK_REALTIME))
        start = seconds(env[START]) or return
        waited = ((now - start) * 1000) - env[BODY_WAIT].to_f

        # Clocks of two machines may differ.
        env[KEY] = [ waited, 0.0 ].max
      end

      # Proxies write seconds with a fraction, or milliseconds, microseconds or nanoseconds, most of them after "t=".
      def seconds(field)
        number = field.to_s[/\A(?:t=)?(\d+(?:\.\d+)?)\z/, 1]&.to_f or return
        number /= 1000 while number > LARGEST
        number if number.positive?
      end
    end
  end
end
