# frozen_string_literal: true

require "json"
require "open3"
require_relative "executable"

module Thruster
  # Asks the thrust binary a question in an app's directory, and reads its answer.
  class CommandLine
    def initialize(root:, executable: Executable.new)
      @root = root
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

    # Has the binary say it to whoever looks; its Process::Status. Raises ExecutableNotFound.
    def show(*words)
      system(environment, @executable.path, *words, chdir: @root)
      Process.last_status
    end

    private
      # By PWD thrust knows the app's directory under the name by which people call it.
      def environment
        { "PWD" => @root.to_s }
      end
  end
end
