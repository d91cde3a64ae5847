# frozen_string_literal: true

require "rails/generators/base"
require "thruster/binstub"
require "thruster/gemfile"
require_relative "../app_files"
require_relative "../container"
require_relative "initializer"

module Thruster
  module Generators
    # bin/rails generate thruster:install. It runs twice without harm.
    class InstallGenerator < ::Rails::Generators::Base
      include AppFiles
      include Container

      INITIALIZER = "config/initializers/thruster.rb"

      source_root File.expand_path("templates", __dir__)

      def change_gemfile
        return leave("Gemfile", "take gem \"#{Gemfile::OURS}\" out of it yourself") if behavior == :revoke

        @bundle = rewrite("Gemfile", "gem \"#{Gemfile::OURS}\"") { declared(Gemfile.new(_1)) }
      end

      def create_binstub
        kind = Binstub.new(destination_root).kind
        return leave(Binstub::PATH, "it is not one that we know; --force overwrites it") if
          kind == :foreign && !options[:force]
        return unchanged(Binstub::PATH) if kind == :ours && behavior == :invoke

        copy_file "thrust.tt", Binstub::PATH, force: true
      end

      def make_binstub_executable
        binstub = Binstub.new(destination_root)
        chmod Binstub::PATH, 0o755 if behavior == :invoke && binstub.kind == :ours && !binstub.executable?
      end

      def create_initializer
        return leave(INITIALIZER, "it is there already; --force writes it anew") if
          behavior == :invoke && edited?(INITIALIZER) && !options[:force]

        create_file INITIALIZER, Initializer.new.to_s
      end

      def change_container
        behavior == :revoke ? unwrap_container : wrap_container
      end

      def say_what_is_left
        return if behavior == :revoke

        say "\nRun `bundle install`, then `bin/thrust bin/rails server`." if @bundle
      end

      private
        def declared(gemfile)
          if gemfile.declares?(Gemfile::OURS) || gemfile.declares?(Gemfile::THEIRS)
            gemfile.adopted
          elsif locked?
            gemfile.to_s # Another file that this one reads has the line.
          else
            gemfile.appended
          end
        end

        def locked?
          read("Gemfile.lock").to_s.match?(/^  +#{Gemfile::OURS} \(/)
        end

        def edited?(path)
          text = read(path)
          text && text != Initializer.new.to_s
        end
    end
  end
end
