# frozen_string_literal: true

RSpec.describe Thruster::Metrics, :native do
  let(:snapshot) do
    { families: [
      { name: "thrust_requests_total", help: "Requests", kind: "counter", samples: [ { labels: { method: "GET" }, value: 2 } ] },
      { name: "thrust_wait_seconds", help: "Waits", kind: "histogram", samples: [ { buckets: [ { bound: 0.5, count: 1 } ], sum: 3.25, count: 2 } ] } ] }
  end

  TEXT = <<~PROMETHEUS
    # HELP thrust_requests_total Requests
    # TYPE thrust_requests_total counter
    thrust_requests_total{method="GET"} 2
    # HELP thrust_wait_seconds Waits
    # TYPE thrust_wait_seconds histogram
    thrust_wait_seconds_bucket{le="0.5"} 1
    thrust_wait_seconds_bucket{le="+Inf"} 2
    thrust_wait_seconds_sum 3.25
    thrust_wait_seconds_count 2
  PROMETHEUS

  it "are written as Prometheus reads them, from JSON or from what was read from it" do
    expect(described_class.prometheus(snapshot)).to eq(TEXT)
    expect(described_class.prometheus(JSON.generate(snapshot))).to eq(TEXT)
  end

  it "says what is wrong with something else" do
    expect { described_class.prometheus("[]") }.to raise_error(Thruster::Error, /\Athis is no snapshot of metrics: /)
  end
end
