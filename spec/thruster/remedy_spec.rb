# frozen_string_literal: true

RSpec.describe Thruster::Remedy do
  around { |example| Dir.mktmpdir { |root| @root = root and example.run } }

  def remedy(platform: "x86_64-linux", path: "", locked: nil)
    described_class.new(root: @root, platform:, environment: { "PATH" => path }, locked:).to_s
  end

  def put(*files)
    files.each do |file|
      FileUtils.mkdir_p File.dirname(File.join(@root, file))
      FileUtils.touch File.join(@root, file)
    end
  end

  context "with a gem that was installed from source" do
    before { put "ext/thrust/extconf.rb" }

    it "is to build it when cargo is there" do
      cargo = File.dirname(write_program(File.join(@root, "bin/cargo"), ""))

      expect(remedy(path: cargo)).to include("run `THRUSTER_BUILD=1 gem pristine thruster-rs --extensions`")
        .and not_include("install Rust")
    end

    it "is to install Rust first when cargo is not there" do
      expect(remedy).to match(%r{install Rust 1\.95 or later \(https://rustup\.rs\), run `THRUSTER_BUILD=1 gem pristine})
    end

    it "speaks of Bundler where Bundler has chosen the gem" do
      expect(remedy(locked: %w[ruby x86_64-linux])).to include("bundle pristine thruster-rs")
    end

    it "is to list the platform when the lockfile lacks it" do
      expect(remedy(locked: %w[ruby])).to include("`bundle lock --add-platform x86_64-linux` and `bundle install`")
      expect(remedy(locked: %w[arm64-darwin-24])).to include("bundle lock --add-platform x86_64-linux")
    end

    it "does not blame a lockfile that has the platform, or a platform without a precompiled gem" do
      expect(remedy(locked: %w[x86_64-linux-gnu])).to not_include("add-platform")
      expect(remedy(locked: %w[ruby], platform: "riscv64-linux")).to not_include("add-platform")
    end
  end

  it "is to install again when the gem was made for another platform" do
    put "exe/aarch64-linux/thrust"

    expect(remedy).to include("made for another platform: run `gem install thruster-rs`")
  end

  it "is to build it in a checkout" do
    put "Gemfile", "thruster-rs.gemspec", "ext/thrust/extconf.rb"

    expect(remedy).to include("bundle exec rake compile")
  end
end
