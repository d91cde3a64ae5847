# frozen_string_literal: true

require "etc"

module Bench
  # What the kernel has charged to processes, from /proc.
  module Usage
    TICKS_PER_SECOND = Etc.sysconf(Etc::SC_CLK_TCK)

    module_function

    # User and system time in seconds, all threads, without children.
    def cpu_seconds(pids)
      pids.sum do |pid|
        # The name in parentheses may hold spaces; what follows it may not.
        fields = File.read("/proc/#{pid}/stat").rpartition(") ").last.split
        fields[11].to_i + fields[12].to_i
      end.fdiv(TICKS_PER_SECOND)
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
