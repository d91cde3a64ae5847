# frozen_string_literal: true

require "thruster/queue_time"

RSpec.describe Thruster::QueueTime do
  def waited(start, now: 1_700_000_000.5, **env)
    env = { "HTTP_X_REQUEST_START" => start, **env.transform_keys(&:to_s) }
    described_class.note(env, now:)
    env["thruster.queue_time"]&.round(3)
  end

  {
    "milliseconds, as thrust writes them" => "t=1700000000123", "seconds with a fraction" => "t=1700000000.123",
    "microseconds" => "t=1700000000123000", "nanoseconds" => "1700000000123000000", "milliseconds alone" => "1700000000123"
  }.each do |name, field|
    it "understands #{name}" do
      expect(waited(field)).to be_within(0.01).of(377)
    end
  end

  it "does not count the time in which the client sent its body" do
    expect(waited("t=1700000000000", "puma.request_body_wait": 400)).to be_within(0.01).of(100)
  end

  it "is never below zero, whatever the clocks say" do
    expect(waited("t=1700000009000")).to eq(0)
  end

  [ nil, "", "t=", "soon", "t=-1", "t=0", "t=1 2", "t=1700000000123x" ].each do |field|
    it "knows nothing from #{field.inspect}" do
      expect(waited(field)).to be_nil
    end
  end
end
