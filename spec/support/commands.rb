# frozen_string_literal: true

require "open3"
require "timeout"

# Runs programs as a shell outside of this bundle would.
module Commands
  Outcome = Struct.new(:output, :errors, :status)

  # A nil in the environment unsets the variable. The program is killed after so many seconds.
  def run(*command, environment: {}, directory: Dir.pwd, within: 60)
    Bundler.with_unbundled_env do
      Open3.popen3(environment, *command, chdir: directory, pgroup: true) do |input, output, errors, process|
        input.close
        readers = [ output, errors ].map { |stream| Thread.new { stream.read } }
        unless process.join(within)
          Process.kill("KILL", -process.pid)
          raise Timeout::Error, "#{command.join(" ")} took longer than #{within} s: #{readers.map(&:value).join}"
        end
        Outcome.new(*readers.map(&:value), process.value)
      end
    end
  end

  # For steps that a test only prepares with.
  def run!(*command, **options)
    run(*command, **options).tap do |outcome|
      raise "#{command.join(" ")}: #{outcome.status}\n#{outcome.output}#{outcome.errors}" unless outcome.status.success?
    end
  end
end
