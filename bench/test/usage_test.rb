# frozen_string_literal: true

require_relative "test_helper"

module Bench
  class UsageTest < Minitest::Test
    def test_less_than_a_hundredth_of_a_second_is_counted
      spent = Usage.cpu_seconds([ Process.pid ])

      assert_operator Usage.cpu_seconds([ Process.pid ]) - spent, :>, 0
    end

    def test_another_process_is_charged_what_its_own_threads_have_used
      ready, told = IO.pipe
      pid = fork { work_in_a_thread(told) }
      told.close
      used = Float(ready.gets)

      assert_in_delta used, Usage.cpu_seconds([ pid ]), 0.05
      assert_operator Usage.cpu_seconds([ pid, Process.pid ]), :>, used
    ensure
      ready.close
      Process.kill(:KILL, pid)
      Process.wait(pid)
    end

    private

    # Tells what it has used once the thread that used it has ended.
    def work_in_a_thread(told)
      Thread.new { nil until Process.clock_gettime(Process::CLOCK_THREAD_CPUTIME_ID) > 0.2 }.join
      told.puts Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)
      sleep
    end
  end
end
