# frozen_string_literal: true

require "thruster/gemfile"

module Thruster
  module Generators
    # What an app's image has to contain, by the files of the app.
    class Image
      MARK = "# syntax=docker/dockerfile:1\n# Made by `bin/rails generate thruster:dockerfile`."

      # Debian's packages for the gems that need some: to run, and to build.
      PACKAGES = {
        "sqlite3" => [ %w[sqlite3], [] ],
        "pg" => [ %w[postgresql-client], %w[libpq-dev] ],
        "mysql2" => [ %w[default-mysql-client], %w[default-libmysqlclient-dev] ],
        "trilogy" => [ %w[default-mysql-client], [] ],
        "image_processing" => [ %w[libvips], [] ],
        "ruby-vips" => [ %w[libvips], [] ]
      }.freeze
      # The health check asks with curl, and Kamal's does.
      BASE = %w[curl libjemalloc2].freeze
      BUILD = %w[build-essential git libyaml-dev pkg-config].freeze

      def initialize(root)
        @root = root
      end

      def mark
        MARK
      end

      def ruby_version
        file(".ruby-version").to_s[/\d+\.\d+(?:\.\d+)?/] || RUBY_VERSION
      end

      def packages
        (BASE + packages_of_gems(0)).uniq.sort.join(" ")
      end

      def build_packages
        (BUILD + packages_of_gems(1)).uniq.sort.join(" ")
      end

      def database?
        gem?("activerecord") && exist?("config/database.yml")
      end

      def bootsnap?
        gem?("bootsnap")
      end

      def assets?
        gem?("propshaft") || gem?("sprockets-rails")
      end

      # The directories that the app writes to, and that its user therefore owns.
      def writable
        [ "log", "tmp", "storage", ("db" if database?) ].compact.join(" ")
      end

      # `npm ci` or what else installs the packages of JavaScript; nil without any.
      def node_install
        return unless exist?("package.json")

        if exist?("yarn.lock") then "yarn install --frozen-lockfile"
        elsif exist?("package-lock.json") then "npm ci"
        else "npm install"
        end
      end

      # Whether Bundler may take a gem that brings its binary.
      def platforms_locked?
        lock = file("Gemfile.lock") or return true
        lock[/^PLATFORMS\n((?:  .*\n)+)/, 1].to_s.match?(/-linux/)
      end

      private
        def packages_of_gems(index)
          PACKAGES.select { |name, _| gem?(name) }.flat_map { |_, lists| lists[index] }
        end

        def gem?(name)
          lock = file("Gemfile.lock") or return Gemfile.new(file("Gemfile").to_s).declares?(name)
          lock.match?(/^    #{Regexp.escape(name)} \(/)
        end

        def exist?(path)
          File.exist?(File.join(@root, path))
        end

        def file(path)
          File.read(File.join(@root, path)) if exist?(path)
        end
    end
  end
end
