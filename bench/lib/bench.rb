# frozen_string_literal: true

# CPU and memory that a proxy costs, against nginx doing the same. See bench/README.md.
module Bench
  ROOT = File.expand_path("../..", __dir__)

  # Something that keeps a figure from being a figure. The message says what to do.
  class Error < StandardError; end
end

require "bench/host"
require "bench/statistics"
require "bench/usage"
require "bench/spawned"
require "bench/load"
require "bench/load/steady"
require "bench/workloads"
require "bench/peers"
require "bench/check"
require "bench/results"
require "bench/cpu_rounds"
require "bench/idle_rounds"
require "bench/start_rounds"
require "bench/wait_rounds"
require "bench/report"
require "bench/programs"
require "bench/options"
require "bench/session"
