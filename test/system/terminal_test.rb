# frozen_string_literal: true

require "test_helper"
require "pty"
require "tmpdir"

class TerminalTest < SystemTest
  PROGRAM = [ RbConfig.ruby, "-rirb", "-e", "answer = 42; binding.irb; exit answer" ].freeze

  test "a debugger on the terminal works: it reads what is typed, and thrust ends with the program" do
    on_terminal(*PROGRAM) do |output, input, pid|
      @seen = +""
      shown(output, "irb(main)")
      input.puts "answer * 2"
      shown(output, "=> 84")
      input.puts "exit"

      status = eventually("the end of thrust", within: 30) { ended(output, pid) }

      assert_equal 42, status.exitstatus
    end
  end

  private
    def on_terminal(*command)
      Dir.mktmpdir do |home|
        variables = { "THRUSTER_HTTP_PORT" => "0", "TERM" => "dumb", "HOME" => home }
        output, input, pid = Bundler.with_unbundled_env { PTY.spawn(variables, *ThrustServer::LAUNCHER, *command) }
        yield output, input, pid
      ensure
        Process.kill("KILL", pid) if pid && !@status
        [ output, input ].compact.each(&:close)
      end
    end

    def shown(output, text)
      eventually("#{text.inspect} on the terminal", within: 30) do
        read_available(output)
        @seen.include?(text)
      end
    rescue Eventually::Expired => error
      flunk "#{error.message}; so far: #{@seen}"
    end

    # Reads on meanwhile: a full terminal would hold the program.
    def ended(output, pid)
      read_available(output)
      @status ||= (Process.wait2(pid, Process::WNOHANG) || []).last
    end

    def read_available(output)
      @seen << output.read_nonblock(4096) while output.wait_readable(0)
    rescue EOFError, Errno::EIO
      nil # The terminal's last program has ended.
    end
end
