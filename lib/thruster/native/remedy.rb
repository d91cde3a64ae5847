# frozen_string_literal: true

require_relative "../executable"
require_relative "../remedy"

module Thruster
  module Native
    # What to run when the extension is not there, or cannot be loaded.
    class Remedy < Thruster::Remedy
      def initialize(root: File.expand_path("../../..", __dir__), platform: Executable.platform, **options)
        super
      end

      private
        def build
          tools = "the headers of Ruby, libclang and its headers (Debian: `ruby-dev`, `libclang-dev`)"
          tools = "Rust #{RUST} or later (https://rustup.rs), #{tools}" unless cargo?
          "It was not built when the gem was installed; that takes #{tools}. Run `THRUSTER_BUILD=1 #{pristine}` to " \
            "build it now, or to see what is missing.\n"
        end

        def elsewhere
          "This gem brings none for Ruby #{RUBY_VERSION} on #{@platform}: use a Ruby that it was made for, or build " \
            "the gem here by `bundle config set force_ruby_platform true` and `bundle install`.\n"
        end
    end
  end
end
