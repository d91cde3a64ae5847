# frozen_string_literal: true

require "json"
require_relative "native"

module Thruster
  # What thrust has counted, for those who pass it on.
  module Metrics
    # A snapshot, as the control socket sends it or read from that JSON, in the text format of Prometheus: what the port
    # of THRUSTER_METRICS_PORT answers. For an app that serves its own metrics and adds ours. Needs the extension.
    def self.prometheus(snapshot)
      json = snapshot.is_a?(String) ? snapshot : JSON.generate(snapshot)
      Native.needed_for("The text of the metrics").prometheus(json)
    end
  end
end
