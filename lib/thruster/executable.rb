# frozen_string_literal: true

require_relative "errors"
require_relative "remedy"

module Thruster
  # Finds the thrust binary: THRUSTER_EXECUTABLE, then the one a precompiled gem brings in exe/<platform>, then the
  # one that cargo built when this gem was installed from source.
  class Executable
    VARIABLE = "THRUSTER_EXECUTABLE"
    # Tells the binary what to run for the version that is installed by then: the script that was called.
    LAUNCHER = "THRUSTER_LAUNCHER"

    # Processor and operating system as in the names of precompiled gems: x86_64-linux on glibc and musl alike.
    def self.platform(local = Gem::Platform.local)
      "#{local.cpu}-#{local.os}"
    end

    def initialize(root: File.expand_path("../..", __dir__), environment: ENV, platform: self.class.platform,
      program: $PROGRAM_NAME)
      @root = root
      @environment = environment
      @platform = platform
      @program = program
    end

    # Raises ExecutableNotFound when there is none; the message ends with the command that helps.
    def path
      named || shipped || raise(ExecutableNotFound, missing)
    end

    # The absolute path of the script that was called, under the name by which it was called: a link in it, such as
    # Capistrano's +current+, may lead to another release later. None for a script that cannot be called again.
    def launcher
      path = File.expand_path(@program, directory)
      path if runnable?(path)
    end

    # Replaces this process with the binary; returns only by raising ExecutableNotFound.
    def exec(arguments)
      binary = path
      # The pair keeps Ruby from handing a lone word to a shell.
      Kernel.exec({ LAUNCHER => launcher }, [ binary, binary ], *arguments)
    rescue SystemCallError => error
      raise ExecutableNotFound, unusable(binary, error)
    end

    private
      def named
        value = @environment[VARIABLE].to_s
        return if value.empty?

        binary = File.expand_path(value)
        raise ExecutableNotFound, <<~MESSAGE if File.identical?(binary, @program)
          #{VARIABLE} is #{value.inspect}, which is the script that looks for the binary.
          Name the binary itself, or unset #{VARIABLE}.
        MESSAGE
        raise ExecutableNotFound, <<~MESSAGE unless runnable?(binary)
          #{VARIABLE} is #{value.inspect}; #{File.exist?(binary) ? "that is no executable file" : "there is no such file"}.
          Name the thrust binary, or unset #{VARIABLE} to use the one that the gem brings.
        MESSAGE
        binary
      end

      def shipped
        places.find { runnable?(_1) }
      end

      def places
        [ File.join(@root, "exe", @platform, "thrust"), File.join(@root, "lib/thruster/thrust") ]
      end

      # The working directory as whoever started us calls it.
      def directory
        named = @environment["PWD"].to_s
        File.absolute_path?(named) && File.identical?(named, Dir.pwd) ? named : Dir.pwd
      end

      def runnable?(path)
        File.file?(path) && File.executable?(path)
      end

      def missing
        "No thrust binary for #{@platform} in #{@root}.\n#{remedy}"
      end

      def unusable(binary, error)
        return "#{binary} cannot be run: #{error.message}\n" unless places.include?(binary)

        "#{binary} cannot be run: #{error.message}\n#{remedy}"
      end

      def remedy
        Remedy.new(root: @root, environment: @environment, platform: @platform)
      end
  end
end
