# frozen_string_literal: true

require_relative "native"
require_relative "switch"

module Thruster
  # The files of a directory that are worth compressing, and their compressed siblings: <tt>app.js.br</tt>,
  # <tt>app.js.zst</tt> and <tt>app.js.gz</tt> beside <tt>app.js</tt>. The proxy sends them to clients that take them.
  class Assets
    # The smallest first.
    ENCODINGS = %w[br zst gz].freeze

    # Images, sounds, videos and WOFF fonts are compressed already.
    COMPRESSIBLE = %w[atom bmp cjs css csv eot geojson htm html ico ics js json ktx map md mjs otf rss svg tsv ttf txt
      vtt wasm webmanifest xhtml xml yaml yml].freeze

    # Propshaft and Sprockets put the digest of a file into its name.
    DIGESTED = /-\h{7,128}[.-]/

    # Seconds after which nobody writes to a sibling any more.
    LEFT = 60 * 60

    # A sibling and what happened to it: +outcome+ is +:written+, +:kept+ (it was there and up to date), +:larger+ (it
    # would be no smaller than the file, so there is none) or +:failed+; +size+ in bytes, unless it failed, and then the
    # +message+.
    Result = Struct.new(:path, :encoding, :outcome, :size, :message, keyword_init: true)

    # Switches off that assets are compressed after they are made, as <tt>config.thruster.compress_assets = false</tt> does.
    VARIABLE = "THRUSTER_COMPRESS_ASSETS_ENABLED"

    # Where the assets of a Rails application lie.
    def self.of(application)
      File.join(application.paths["public"].first, application.config.assets.prefix)
    end

    # Whether they are to be compressed whenever they are made.
    def self.wanted?(application, environment: ENV)
      return false if Switch.off?(VARIABLE, environment)

      options = application.config.thruster if application.config.respond_to?(:thruster)
      !options.respond_to?(:compress_assets) || options.compress_assets != false
    end

    attr_reader :directory, :encodings

    def initialize(directory, encodings: ENCODINGS)
      @directory = directory.to_s
      @encodings = encodings
    end

    # Files whose siblings are worth having, in order of their names. Hidden ones are not served, nor is what a link leads
    # to elsewhere: a sibling would be a copy of it that is.
    def files
      paths.select do |path|
        COMPRESSIBLE.include?(kind_of(path)) && File.file?(path) && !File.empty?(path) && within?(path)
      end
    end

    # Siblings whose file is gone. Only with a digest in the name: nothing else says that it was made from a file.
    def orphans
      paths.select do |path|
        original = path.delete_suffix(File.extname(path))
        ENCODINGS.include?(kind_of(path)) && COMPRESSIBLE.include?(kind_of(original)) &&
          File.basename(path).match?(DIGESTED) && !File.exist?(original)
      end
    end

    # Writes the siblings that are missing or older than their file, on all cores; yields each Result as it comes. Other
    # threads run meanwhile, and an interrupt ends it at once; what is done stays.
    def compress(files = self.files)
      Native.needed_for("The compression of assets").compress(files, encodings) do |index, encoding, outcome, detail|
        fact = outcome == :failed ? { message: detail } : { size: detail }
        yield Result.new(path: files[index], encoding:, outcome:, **fact)
      end
    end

    def remove_orphans
      orphans.each { File.delete(_1) }
    end

    # Half-written siblings of a run that was killed. What is younger may be another run's.
    def remove_leftovers
      Dir.glob("**/.thruster-*", base: directory).map { File.join(directory, _1) }.each do |path|
        File.delete(path) if File.file?(path) && File.mtime(path) < Time.now - LEFT
      rescue SystemCallError
        nil # Another run was faster, or it is somebody else's.
      end
    end

    private
      def paths
        Dir.glob("**/*", base: directory).sort.map { File.join(directory, _1) }
      end

      def within?(path)
        !File.symlink?(path) || File.realpath(path).start_with?(File.join(File.realpath(directory), ""))
      end

      def kind_of(path)
        File.extname(path).delete_prefix(".").downcase
      end
  end
end
