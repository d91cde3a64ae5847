# frozen_string_literal: true

RSpec.describe Thruster::Settings do
  it "has every row of docs/configuration.md, with what stands there" do
    page = File.read(File.join(PROJECT, "docs/configuration.md"))
    rows = page.scan(/^\| `(?:THRUSTER_)?([A-Z_0-9]+)` \| (.*?) \| (.*?) \| (start|live) \| (.*?) \|$/)

    table = described_class.table.map { [ _1.name.upcase, _1.kind, _1.default, _1.when.to_s, _1.help ] }

    expect(table).to match_array(rows.map { |row| row.map { _1.gsub("\\|", "|").sub(/\A\(empty\)\z/, "") } })
  end

  it "finds a row by its name" do
    row = described_class.find(:max_request_body)

    expect(row).to have_attributes(variable: "THRUSTER_MAX_REQUEST_BODY", option: "--max-request-body", kind: "SIZE",
      default: "0", when: :live, live?: true, built?: true, secret?: false, switch?: false)
    expect(described_class.find("http_port")).to have_attributes(when: :start, live?: false)
    expect(described_class.find("eab_hmac_key")).to be_secret
    expect(described_class.find("debug")).to be_switch
    expect(described_class.find("flux_capacitor")).to be_nil
  end

  it "knows the name that was meant" do
    expect(described_class.nearest(:max_request_boddy)).to eq("max_request_body")
    expect(described_class.nearest("flux_capacitor")).to be_nil
  end
end
