# frozen_string_literal: true

require "json"
require_relative "errors"
require_relative "client/connection"

module Thruster
  # Asks a running thrust over its control socket; docs/control-protocol.md has the words.
  #
  # Answers are frozen hashes with symbols for keys, as that page shows them, and may have more fields in later
  # versions. Each call has a connection of its own, so that one client serves any number of threads and forks.
  class Client
    VERSION = 1
    # Seconds within which thrust has to be heard of. While a command runs it says something every 5.
    PATIENCE = 30

    attr_reader :socket

    def initialize(socket, patience: PATIENCE)
      @socket = socket
      @patience = patience
    end

    # How it is: +:state+, +:generation+, +:ready+ and so on.
    def status
      ask("status").fetch(:status)
    end

    # What it has counted.
    def metrics
      ask("metrics").fetch(:metrics)
    end

    # Every setting with its value and source, and what the app has said of itself.
    def config
      ask("config").fetch(:config)
    end

    # Tells it what the app wants: names of live settings in lower case, each with a text as in the environment, and
    # facts about the app. Returns what came of it: +:generation+, +:changed+, +:overridden+, +:sendfile_secret+.
    #
    # Raises ConfigurationError with every fault; then nothing has changed.
    def configure(settings, app: {})
      ask("configure", settings:, app:).fetch(:configured)
    end

    # Whether it is there and answers.
    def running?
      status && true
    rescue Error
      false
    end

    private
      def ask(command, **fields)
        connection = Connection.new(@socket, patience: @patience)
        connection.write JSON.generate({ version: VERSION, command:, **fields })
        loop do
          reply = read(connection)
          case reply[:reply]
          when "ok" then return Answer.new(reply, command)
          when "error" then raise refusal(reply)
          when "progress", "alive" then next
          else raise ProtocolError, "#{whose} #{reply[:reply].inspect}, which is no answer"
          end
        end
      ensure
        connection&.close
      end

      def read(connection)
        reply = JSON.parse(connection.read_line, symbolize_names: true, freeze: true)
        raise ProtocolError, "#{whose} something that is no object" unless reply.is_a?(Hash)
        return reply if reply[:version] == VERSION

        raise ProtocolError, "#{whose} version #{reply[:version].inspect} of the protocol; this gem speaks #{VERSION}"
      rescue JSON::ParserError
        raise ProtocolError, "#{whose} something that is no JSON"
      end

      def refusal(reply)
        message = reply[:message].to_s
        return Refused.new(message, kind: reply[:kind].to_s.to_sym) unless reply[:kind] == "invalid"

        ConfigurationError.new(message, faults: Array(reply[:faults]).grep(Hash))
      end

      def whose
        "The thrust at #{@socket} answers with"
      end

      # The last line of an answer, which has what the command was for.
      class Answer
        def initialize(reply, command)
          @reply = reply
          @command = command
        end

        def fetch(field)
          @reply.fetch(field) do
            raise ProtocolError, "The answer to #{@command} has no #{field.to_s.inspect}: #{JSON.generate(@reply)}"
          end
        end
      end
  end
end
