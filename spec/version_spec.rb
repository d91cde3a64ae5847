# frozen_string_literal: true

RSpec.describe "The version" do
  let(:manifest) { File.read(File.join(PROJECT, "Cargo.toml")) }
  let(:lock) { File.read(File.join(PROJECT, "Cargo.lock")) }

  it "is the same in the gem and in every crate of the workspace" do
    crates = Dir[File.join(PROJECT, "ext/*/Cargo.toml")]
    workspace = manifest[/^\[workspace\.package\]\n(?:[^\[].*\n)*?version = "([^"]+)"/, 1]

    expect(workspace).to eq(Thruster::VERSION)
    expect(crates).not_to be_empty
    expect(crates.map { File.read(_1) }).to all(match(/^version\.workspace = true$/))
  end

  it "is the one that Cargo.lock has" do
    locked = lock.scan(/name = "(thrust(?:er)?(?:_\w+)?)"\nversion = "([^"]+)"/).to_h

    expect(locked).to include("thrust" => Thruster::VERSION, "thrust_api" => Thruster::VERSION, "thruster_native" => Thruster::VERSION)
    expect(locked.values.uniq).to eq([ Thruster::VERSION ])
  end

  it "has its place in the changelog" do
    expect(File.read(File.join(PROJECT, "CHANGELOG.md"))).to match(/^## (\[?#{Regexp.escape(Thruster::VERSION)}\]?|\[?Unreleased\]?)/)
  end

  it "needs the Rust that the manifest asks for" do
    expect(Thruster::Remedy::RUST).to eq(manifest[/^rust-version = "([^"]+)"/, 1])
  end
end
