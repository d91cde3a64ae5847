# frozen_string_literal: true

require "rack"

module Thruster
  # Lets thrust send a file in the place of Puma: an answer whose body is a file names it in X-Sendfile.
  #
  # Rack::Sendfile does this too, but does not know which files thrust may send, and is not in every stack. What thrust may
  # not send goes out as it would without it.
  class Sendfile
    HEADER = "x-sendfile"
    # Those that thrust understands; with the second one the app itself says what to send.
    HEADERS = %w[X-Sendfile X-Accel-Redirect].freeze

    # Fields that ask for a part of a file.
    RANGES = %w[HTTP_RANGE HTTP_IF_RANGE].freeze
    # With it, releases of Rack before 3.1.18 name any file that anybody asks for.
    TYPE = "HTTP_X_SENDFILE_TYPE"

    # Whether thrust understands this one.
    def self.understood?(header)
      HEADERS.any? { _1.casecmp?(header.to_s) }
    end

    # Without roots, every file may be sent. Below the paths of `files` there is nothing but files.
    def initialize(roots, files: [])
      @roots = roots
      @files = files
      @real = {}
    end

    # Leaves it to thrust to answer with a part of a file, where it is sure to be one: what the app makes a part of has no
    # path any more.
    def prepare(env)
      RANGES.each { env.delete(_1) } if @files.any? && env["PATH_INFO"].to_s.start_with?(*@files)
    end

    # The answer, or the same with the file's path in the place of its body. What is a part of a file already stays so.
    def apply(response)
      status, headers, body = response
      return response unless status != 206 && body.respond_to?(:to_path) && path = sendable(body.to_path)

      # Rack 2 has capitals in it, apps may not.
      headers = headers.reject { |name, _| name.casecmp?(Rack::CONTENT_LENGTH) }
      headers = headers.merge(HEADER => path, Rack::CONTENT_LENGTH => "0")
      [ status, headers, Rack::BodyProxy.new([]) { body.close if body.respond_to?(:close) } ]
    end

    private
      # A Pathname too, as send_file hands it on. A name with a control character would not stay within its field, and one
      # that ends in a space would lose that there.
      def sendable(path)
        return if path.nil? || path.to_s.b.match?(/[\x00-\x1f\x7f]| \z/n)

        # As it is: a `..` behind a symbolic link leads elsewhere than it reads, and a `~` is nobody's home.
        path = path.to_s
        path = File.join(Dir.pwd, path) unless path.start_with?("/")
        file = File.realpath(path)
        path if File.file?(file) && (@roots.empty? || within?(file))
      rescue SystemCallError
        nil # Whoever reads the file says that it has gone.
      end

      def within?(file)
        @roots.any? { |root| real(root)&.then { |directory| file.start_with?(directory) } }
      end

      # With a slash at its end. A root may be made later than the app booted.
      def real(root)
        @real[root] ||= File.join(File.realpath(root), "")
      rescue SystemCallError
        nil
      end
  end
end
