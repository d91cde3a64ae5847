# frozen_string_literal: true

require "json"

module Thruster
  # What a Dockerfile starts, and how it reads with thrust before that, or without it. Works on the text alone.
  class Dockerfile
    BINSTUB = "./bin/thrust"
    # The last one in the file holds; the lines of one that is continued end with a backslash.
    COMMAND = /^[ \t]*CMD[ \t]+(?<line>(?:[^\n\\]|\\\n|\\[^\n])*)/i
    THRUST = %r{(?:\A|[\s/])thrust(?=\s|\z)}
    PINNED = %r{\s(?:-p|--port)[\s=]?\d|\s(?:-b|--bind)[\s=]?\w+://}
    SERVER = %r{(?:\A|[\s/])(?:rails\s+s(?:erver)?|puma|rackup|falcon|unicorn|pitchfork)(?=\s|\z)}
    # Where Rails' server listens with and without thrust before it.
    PORTS = { wrapped: 80, bare: 3000 }.freeze

    def initialize(text)
      @text = text
      @command = text.to_enum(:scan, COMMAND).map { Regexp.last_match }.last
    end

    # :wrapped, :server (a server without thrust), :pinned (one that is told where to listen), :other (nothing that we
    # know for a server), or :none.
    def kind
      case words
      when nil then :none
      when THRUST then :wrapped
      when PINNED then :pinned
      when SERVER then :server
      else :other
      end
    end

    # What is started, as one line; nil without a CMD.
    def words
      return unless @command

      line = @command[:line].gsub(/\\\n\s*/, " ").strip
      line.start_with?("[") ? JSON.parse(line).join(" ") : line
    rescue JSON::ParserError
      line # Docker then takes it for the words of a shell, too.
    end

    def wrapped
      return @text unless kind == :server

      edit(:wrapped) do |line|
        line.start_with?("[") ? line.sub(/\[\s*/) { %(#{_1}"#{BINSTUB}", ) } : "#{BINSTUB} #{line}"
      end
    end

    def bare
      return @text unless kind == :wrapped

      edit(:bare) { |line| line.sub(%r{"(?:[^"\s]*/)?thrust"\s*,\s*|(?<=\A|\s)(?:[^"\s]*/)?thrust\s+}, "") }
    end

    private
      def edit(state)
        changed = @text.dup
        changed[@command.begin(:line)...@command.end(:line)] = yield(@command[:line])
        port = PORTS.except(state).values.first
        changed.sub(/^([ \t]*EXPOSE[ \t]+)#{port}(?=[ \t]*$)(?!.*^[ \t]*FROM\b)/mi) { "#{_1[/\A\s*EXPOSE\s+/i]}#{PORTS[state]}" }
      end
  end
end
