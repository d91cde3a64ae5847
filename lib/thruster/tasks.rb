# frozen_string_literal: true

require_relative "command_line"
require_relative "doctor"
require_relative "effective_settings"
require_relative "push"

module Thruster
  # What the rake tasks show, as text or as JSON.
  class Tasks
    # +format+ is "json" for programs; nil, or anything else, is for people.
    def initialize(app, format: nil, output: $stdout, errors: $stderr, command_line: CommandLine.new(root: app.root))
      @app = app
      @json = format.to_s == "json"
      @output = output
      @errors = errors
      @command_line = command_line
    end

    # Whether a thrust of this app runs and has answered. Another app's is not meant, though it may be the only one.
    def status
      if running = command_line.status
        command_line.show("status", "--pid", running["pid"].to_s, *("--json" if @json)).success?
      else
        @errors.puts "No thrust was found that runs in #{@app.root}; `thrust status` may show others"
        false
      end
    end

    # Every setting with its value and source.
    def config
      settings = EffectiveSettings.new(command_line.settings, pushed: told.settings)
      @output.puts @json ? JSON.pretty_generate(running: settings.running?, settings: settings.map(&:to_h)) : table(settings)
      true
    end

    # Whether nothing is wrong.
    def doctor
      doctor = Doctor.new(Doctor::Subject.new(@app, command_line:, told:))
      @output.puts @json ? doctor.to_json : doctor.to_s
      doctor.healthy?
    end

    private
      attr_reader :command_line

      def told
        @told ||= Doctor::Told.by(@app)
      end

      def table(settings)
        rows = settings.select(&:built).map { |row| [ row.name, shown(row.text), row.source.sub(/\Arails\z/, "Rails") ] }
        widths = rows.transpose.map { |column| column.map { _1.to_s.length }.max }
        lines = rows.map { |name, value, source| "#{name.ljust(widths[0])}  #{value.ljust([ widths[1], 40 ].min)}  #{source}" }
        [ head(settings), *lines ].join("\n")
      end

      def shown(text)
        text.empty? ? "(empty)" : text.gsub("\n", "; ")
      end

      def head(settings)
        return "What the running thrust has:\n" if settings.running?

        "No running thrust was asked. This is what this environment and Rails would give:\n"
      end
  end
end
