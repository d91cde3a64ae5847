# frozen_string_literal: true

require_relative "client"
require_relative "rails_facts"

module Thruster
  # Tells the thrust above this process what Rails knows and what config.thruster wants, once, and keeps what it answers.
  #
  # A process that was forked later has it too. One that could not tell it tries again after a while, when a request comes
  # through thrust.
  class Push
    # Seconds that a boot may wait for thrust to answer.
    PATIENCE = 10
    # Seconds between two tries.
    PAUSE = 60
    # Seconds between two tries while thrust has too many connections, as when many workers boot at once.
    CROWDED = 0.1
    # Kinds of refusals that another try may not meet.
    PASSING = %i[busy unavailable timed_out internal].freeze

    def initialize(app, logger: nil, environment: ENV, pause: PAUSE)
      @app = app
      @logger = logger
      @environment = environment
      @pause = pause
      @mutex = Mutex.new
    end

    # What is told: settings by name. What config.thruster says wins over what Rails knows.
    def settings
      facts.settings.merge(wanted)
    end

    # What is told of the app beside its settings.
    def about_app
      facts.app
    end

    # What Rails has and thrust is not told, one sentence each.
    def notes
      facts.notes
    end

    # Tells it, if that has not been done. Raises ConfigurationError if config.thruster has what thrust does not take.
    def deliver
      @mutex.synchronize { tell unless @settled }
    end

    # The same while the app serves: nothing is raised, and nobody waits for another's try.
    def deliver_late
      return if @settled || (@next_try && now < @next_try) || !@mutex.try_lock

      begin
        tell unless @settled
      rescue ConfigurationError => error
        @settled = true
        logger&.error(error.message)
      ensure
        @mutex.unlock
      end
    end

    # Whether a request with this secret came from thrust, which then sends the files that answers name.
    def from_thrust?(secret)
      !@secret.nil? && !secret.nil? && Rack::Utils.secure_compare(@secret, secret)
    end

    # Which files thrust may send; nil until it was told.
    attr_reader :sendfile

    private
      def wanted
        @app.config.thruster.to_h
      end

      def facts
        @facts ||= RailsFacts.new(@app)
      end

      def tell
        return @settled = true if @environment[SOCKET].to_s.empty?

        @next_try = now + @pause
        keep(take_back_what_is_refused)
        @settled = true
      rescue Refused => error
        refused(error)
      rescue ConfigurationError => error
        raise ConfigurationError.new(<<~MESSAGE, faults: error.faults)
          thrust does not take what config.thruster says:
          #{error.faults.map { "  config.thruster.#{_1[:message]}" }.join("\n")}
        MESSAGE
      rescue Error => error
        logger&.warn("Thruster: thrust was not told the settings of Rails: #{error.message}")
      end

      # A thrust that has been running since before an update of this gem may not know all that Rails tells by itself. That
      # must not stop an app; what the app asks for in so many words must.
      def take_back_what_is_refused
        configure(settings)
      rescue ConfigurationError => error
        refused = error.faults.map { _1[:setting] }
        raise if refused.empty? || refused.intersect?(wanted.keys)

        logger&.warn("Thruster: thrust does not take all that Rails says by itself: #{error.message}")
        configure(facts.without(refused).merge(wanted))
      end

      def configure(settings)
        deadline = now + PATIENCE
        begin
          [ settings, Client.new(@environment[SOCKET], patience: PATIENCE).configure(settings, app: about_app) ]
        rescue Refused => error
          raise unless error.kind == :busy && now < deadline

          sleep CROWDED
          retry
        end
      end

      def keep((settings, answer))
        @sendfile = Sendfile.new(roots(settings, answer), files: facts.paths_of_files)
        @secret = answer[:sendfile_secret] if about_app[:sendfile]
        report(answer)
      end

      # Whoever set others in the environment knows what thrust may send.
      def roots(settings, answer)
        return [] if Array(answer[:overridden]).any? { _1[:setting] == "sendfile_roots" }

        settings["sendfile_roots"].to_s.split(",")
      end

      def report(answer)
        changed = Array(answer[:changed])
        return if changed.empty? # Another process of this app has said all this.

        overridden = Array(answer[:overridden]).select { wanted.key?(_1[:setting]) }
        [
          "told thrust #{changed.join(", ")}", *notes,
          *overridden.map { "#{_1[:source]} wins over config.thruster.#{_1[:setting]}" }
        ].each { logger&.info("Thruster: #{_1}") }
      end

      def refused(error)
        @settled = true unless PASSING.include?(error.kind)
        if error.kind == :superseded
          logger&.debug("Thruster: #{error.message}")
        else
          logger&.warn("Thruster: thrust refused the settings of Rails: #{error.message}")
        end
      end

      def logger
        @logger || ::Rails.logger
      end

      def now
        Process.clock_gettime(Process::CLOCK_MONOTONIC)
      end
  end
end
