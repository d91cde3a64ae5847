# frozen_string_literal: true

require "erb"
require "rails/generators/base"
require_relative "../app_files"
require_relative "../container"
require_relative "image"

module Thruster
  module Generators
    # bin/rails generate thruster:dockerfile: a new one, or one line of that which is there.
    class DockerfileGenerator < ::Rails::Generators::Base
      include AppFiles
      include Container

      source_root File.expand_path("templates", __dir__)

      def create_or_change
        return behavior == :revoke ? unwrap_container : wrap_container if read(DOCKERFILE) && !made_here?

        template "Dockerfile.tt", DOCKERFILE
        template "docker-entrypoint.tt", ENTRYPOINT unless foreign?(ENTRYPOINT, "docker-entrypoint.tt")
        chmod ENTRYPOINT, 0o755 if behavior == :invoke
        copy_file "dockerignore", ".dockerignore" unless foreign?(".dockerignore", "dockerignore")
      end

      def say_what_is_left
        return if behavior == :revoke || image.platforms_locked?

        say "\nRun `bundle lock --add-platform x86_64-linux aarch64-linux`: Gemfile.lock names no Linux yet, so that the " \
          "image would build thrust with cargo, which it does not have."
      end

      private
        def made_here?
          read(DOCKERFILE)&.start_with?(Image::MARK)
        end

        # Whether the app has a file of its own there, which is neither written over nor taken away.
        def foreign?(path, source)
          text = read(path)
          text && text != ERB.new(File.read(find_in_source_paths(source)), trim_mode: "-").result(binding)
        end

        def image
          @image ||= Image.new(destination_root)
        end
    end
  end
end
