# frozen_string_literal: true

module Bench
  # What the kernel has charged to processes.
  module Usage
    # CPUCLOCK_SCHED: the scheduler's own count in nanoseconds, where /proc/PID/stat counts hundredths of a second.
    CPU_CLOCK = 2

    module_function

    # User and system time in seconds, all threads, also ended ones, without children.
    def cpu_seconds(pids)
      pids.sum { |pid| Process.clock_gettime(cpu_clock(pid), :nanosecond) }.fdiv(1_000_000_000)
    end

    # What clock_getcpuclockid(3) answers; Ruby does not offer that function.
    def cpu_clock(pid)
      (~pid << 3) | CPU_CLOCK
    end

    # Resident and proportional size in KiB.
    def memory_kib(pids)
      rollups = pids.map { |pid| File.read("/proc/#{pid}/smaps_rollup") }
      %w[Rss Pss].to_h { |name| [ name.downcase.to_sym, rollups.sum { |text| text[/^#{name}:\s*(\d+) kB/, 1].to_i } ] }
    end

    # The most that was ever resident, in MiB.
    def peak_mib(pids)
      pids.sum { |pid| File.read("/proc/#{pid}/status")[/^VmHWM:\s*(\d+) kB/, 1].to_i }.fdiv(1024)
    end

    def children(pid)
      Dir.glob("/proc/#{pid}/task/*/children").flat_map { |path| File.read(path).split.map(&:to_i) }
    end
  end
end
