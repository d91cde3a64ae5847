# frozen_string_literal: true

require "json"
require "open3"
require_relative "executable"

module Thruster
  # Asks the thrust binary a question in an app's directory, and reads its answer.
  class CommandLine
    # Has thrust tell what the environment gives, whoever runs.
    ENVIRONMENT = "--environment"

    def initialize(root:, executable: Executable.new)
      @root = root.to_s
      @executable = executable
    end

    # What `thrust WORDS --json` says, as a Hash; nil if it says nothing of the kind, as where no thrust runs or this
    # version has no such command. Raises ExecutableNotFound.
    def ask(*words)
      output, = Open3.capture3(environment, @executable.path, *words, "--json", chdir: @root, stdin_data: "")
      answer = JSON.parse(output)
      answer if answer.is_a?(Hash)
    rescue JSON::ParserError
      nil
    rescue SystemCallError => error
      raise ExecutableNotFound, "#{@executable.path} cannot be run: #{error.message}"
    end

    # How the thrust is that runs in this directory; nil if there is none.
    def status
      answer = ask("status")
      answer if answer && same?(answer["directory"])
    end

    # Every setting: as that thrust has them, else as this environment would give them.
    def settings
      ask_running("config") || ask("config", ENVIRONMENT) || { "settings" => [] }
    end

    # What `thrust doctor` finds there; nil if this version finds nothing by itself.
    def findings
      (ask_running("doctor") || ask("doctor", ENVIRONMENT))&.fetch("findings", nil)
    end

    # Has the binary say it to whoever looks; its Process::Status. Raises ExecutableNotFound.
    def show(*words)
      system(environment, @executable.path, *words, chdir: @root)
      Process.last_status
    end

    private
      def ask_running(word)
        running = status
        running && ask(word, "--pid", running["pid"].to_s)
      end

      def same?(directory)
        File.identical?(directory.to_s, @root)
      end

      # By PWD thrust knows the app's directory under the name by which people call it.
      def environment
        { "PWD" => @root }
      end
  end
end
