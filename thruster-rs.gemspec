# frozen_string_literal: true

require_relative "lib/thruster/version"

Gem::Specification.new do |spec|
  spec.name = "thruster-rs"
  spec.version = Thruster::VERSION
  spec.authors = [ "thruster-rs contributors" ]
  spec.summary = "HTTP proxy that runs your Rails application and stands in front of it"
  spec.description = "A drop-in replacement for thruster, written in Rust: bin/thrust bin/rails server"
  spec.homepage = "https://github.com/thruster-rs/thruster-rs"
  spec.license = "MIT"
  spec.required_ruby_version = ">= 3.1"
  spec.metadata = {
    "source_code_uri" => spec.homepage,
    "changelog_uri" => "#{spec.homepage}/blob/main/CHANGELOG.md",
    "rubygems_mfa_required" => "true"
  }

  # rust-toolchain.toml stays out: it would demand our toolchain of everyone who installs from source.
  spec.files = Dir.chdir(__dir__) do
    Dir["lib/**/*.{rb,rake,json}", "lib/generators/**/{USAGE,templates/*}", "exe/thrust", "Cargo.{toml,lock}", "ext/*.rb",
        "ext/*/{Cargo.toml,build.rs,extconf.rb}", "ext/*/src/**/*",
        "docs/**/*.{md,service,socket}", "{README,CHANGELOG,UPGRADING}.md", "LICENSE"].select { File.file?(_1) }
  end
  spec.bindir = "exe"
  spec.executables = [ "thrust" ]
  spec.extensions = [ "ext/thrust/extconf.rb", "ext/thruster_native/extconf.rb" ]
  spec.require_paths = [ "lib" ]
end
