# frozen_string_literal: true

require_relative "check"

module Thruster
  class Doctor
    # Whether what has to last lies on a volume, and not in a container's own layer, which goes with it.
    class Storage < Check
      LAYERS = %w[overlay aufs fuse-overlayfs].freeze
      MOUNTS = "/proc/self/mountinfo"

      def initialize(subject, mounts: File.exist?(MOUNTS) ? File.read(MOUNTS) : "")
        super(subject)
        @mounts = parse(mounts)
      end

      def findings
        return [] if @mounts.empty?

        lost = places.select { |_, path| LAYERS.include?(kind(path)) }
        return [ ok("what has to last lies outside of the container's own layer") ] if lost.empty?

        lost.map do |name, path|
          warning "#{name} lies in the container's own layer: #{path}",
            why: "it goes with the container: the next deploy begins without it",
            change: "mount a volume there, such as `-v app_storage:#{File.dirname(path) == "/" ? path : parent(path)}`"
        end
      end

      private
        def places
          active_storage.merge(databases).merge(own)
        end

        def active_storage
          used = subject.config.try(:active_storage)&.service.to_s
          subject.disks.slice(used).to_h { |name, disk| [ "Active Storage (#{name})", absolute(disk) ] }
        end

        def databases
          return {} unless defined?(ActiveRecord::Base)

          ActiveRecord::Base.configurations.configs_for(env_name: subject.env).filter_map do |database|
            file = database.database.to_s
            next unless database.adapter.to_s.start_with?("sqlite") && !file.empty? && file != ":memory:"

            [ "the database #{database.name}", absolute(file.delete_prefix("file:").sub(/\?.*/, "")) ]
          end.to_h
        end

        # Thrust keeps certificates there.
        def own
          path = subject.settings["storage_path"]
          path && Array(subject.settings["tls_domain"]).any? ? { "STORAGE_PATH" => absolute(path) } : {}
        end

        def absolute(path)
          path = File.expand_path(path.to_s, subject.root)
          existing = path
          existing = File.dirname(existing) until File.exist?(existing)
          File.realpath(existing) + path.delete_prefix(existing)
        end

        def parent(path)
          File.directory?(path) ? path : File.dirname(path)
        end

        # The kind of the file system that a path lies on: that of the deepest mount above it, the last of several.
        def kind(path)
          @mounts.select { |place, _| place == "/" || path == place || path.start_with?("#{place}/") }
            .each_with_index.max_by { |(place, _), index| [ place.length, index ] }&.first&.last
        end

        # proc(5): the mount point is the fifth field, the type the first behind the lone dash.
        def parse(text)
          text.lines.filter_map do |line|
            fields, kind = line.split(" - ", 2)
            [ fields.split[4].gsub(/\\(\d{3})/) { _1[1..].to_i(8).chr }, kind.split.first ] if kind
          end
        end
    end
  end
end
